"""The mean of the weights over the steps (Polyak & Juditsky 1992; Tarvainen & Valpola 2017)."""

from pydantic import Field

from ft import Config, Plugin, hookimpl


class Ema(Plugin):
    """Evaluates and saves an exponential moving average of the weights."""

    class Config(Config):
        decay: float = Field(0.99, ge=0, lt=1, description="share of the mean that a step keeps")

    @hookimpl
    def on_run_start(self, run):
        self.mean = {name: p.detach().clone() for name, p in run.model.named_parameters()}

    @hookimpl
    def on_step(self, run):
        for name, parameter in run.model.named_parameters():
            self.mean[name].lerp_(parameter.detach(), 1 - self.config.decay)

    def evaluation_weights(self, run):
        return self.mean

    def state_tensors(self):
        return self.mean

    def load_state_tensors(self, tensors):
        self.mean = dict(tensors)
