"""`image` says which class a picture is of; `image_augment` alters the pictures that it learns from."""

from ft_image.augment import AugmentConfig, ImageAugment
from ft_image.plugin import Images
from ft_image.settings import ImageConfig

__all__ = ["AugmentConfig", "ImageAugment", "ImageConfig", "Images"]
