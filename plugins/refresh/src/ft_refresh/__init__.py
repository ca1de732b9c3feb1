"""A finished run, trained further on new data without forgetting the old."""

from ft_refresh.from_run import FromRun
from ft_refresh.l2sp import L2SP
from ft_refresh.lwf import LwF
from ft_refresh.replay import Replay
from ft_refresh.wise import WiSE

__all__ = ["L2SP", "FromRun", "LwF", "Replay", "WiSE"]
