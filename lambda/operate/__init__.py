"""What runs by itself after the first day: a thin shell over the room `operate`."""
