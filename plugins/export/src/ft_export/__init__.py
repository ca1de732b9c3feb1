"""Models of ft in other forms: exported, described, published."""

from ft_export.export import export
from ft_export.hub.card import make_card
from ft_export.hub.push import push
from ft_export.plugin import Exported

__all__ = ["Exported", "export", "make_card", "push"]
