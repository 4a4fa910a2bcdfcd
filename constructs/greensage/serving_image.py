"""An older address of `greensage.ServingImage`, kept so that apps which import it from here still load."""

from .storage.serving_image import ServingImage

__all__ = ["ServingImage"]
