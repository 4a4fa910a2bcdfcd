"""What is kept, where, and how long: archives, buckets, logs, images."""
