"""Every rule of the contract, in the order in which they are checked."""

from ft_kit.contract import Rule
from ft_kit.rules import form, repeat, run, safety, side_effects

HOOKS = "reference/hooks"

RULES: tuple[Rule, ...] = (
    Rule(
        "hooks",
        "Every hook is one of the contract's, with its arguments, and marked with @hookimpl.",
        f"{HOOKS}/index.md#rules",
        form.hooks,
        once=True,
    ),
    Rule(
        "settings",
        "A wrong setting is refused in words, and every setting says what it means.",
        "reference/contract-rules.md#settings",
        form.settings,
        once=True,
    ),
    Rule(
        "runs",
        "The plugin trains, evaluates and saves.",
        "explanation/design.md#two-kinds-of-plugin-one-rule",
        run.runs,
    ),
    Rule(
        "repeatable",
        "The same run with the same seed is the same to the last bit.",
        "decisions/0003-stateless-randomness.md#decision",
        repeat.repeatable,
    ),
    Rule(
        "independent",
        "The random numbers of other plugins change nothing.",
        "decisions/0003-stateless-randomness.md#question",
        repeat.independent,
    ),
    Rule(
        "globals",
        "Loading, encoding, decoding and evaluating leave the global random generators alone.",
        f"{HOOKS}/encode.md#technique",
        repeat.globals_,
    ),
    Rule(
        "encode",
        "The same examples are encoded to the same in any step of an epoch.",
        f"{HOOKS}/encode.md#technique",
        repeat.encode,
    ),
    Rule(
        "order",
        "An order is the same for the same weights, seed, epoch and saved state.",
        f"{HOOKS}/order.md#technique",
        repeat.order,
    ),
    Rule(
        "batch",
        "compute_loss does not change the batch that it is given.",
        f"{HOOKS}/compute_loss.md#technique",
        side_effects.batch,
    ),
    Rule(
        "examples",
        "encode, decode and evaluate do not change what they are given.",
        f"{HOOKS}/encode.md#technique",
        side_effects.examples,
    ),
    Rule(
        "splits",
        "No split but train is changed.",
        f"{HOOKS}/load_data.md#technique",
        side_effects.splits,
    ),
    Rule(
        "answers",
        "Answers depend on the model, and the model's outputs on the examples.",
        f"{HOOKS}/decode.md#provider",
        side_effects.answers,
    ),
    Rule(
        "sum",
        "A loss is a sum over its items.",
        "decisions/0002-sums-not-means.md#decision",
        side_effects.sum_,
    ),
    Rule(
        "cut",
        "Loss and gradient do not depend on how a batch is cut into passes.",
        "reference/plugin.md#whole-batches",
        side_effects.cut,
    ),
    Rule(
        "forwards",
        "forwards() tells the true number of forward passes.",
        f"{HOOKS}/compute_loss.md#technique",
        side_effects.forwards,
    ),
    Rule(
        "single",
        "A batch may hold one example.",
        "reference/contract-rules.md#single",
        run.single,
    ),
    Rule(
        "empty",
        "A text may be empty.",
        "reference/contract-rules.md#empty",
        run.empty,
    ),
    Rule(
        "longest",
        "A text may be longer than the model takes.",
        f"{HOOKS}/encode.md#provider",
        run.longest,
    ),
    Rule(
        "state",
        "The state is JSON, and comes back as it was.",
        "reference/contract-rules.md#state",
        repeat.state,
    ),
    Rule(
        "resume",
        "A run that was stopped and resumed equals one that was not.",
        "reference/contract-rules.md#resume",
        repeat.resume,
    ),
    Rule(
        "code",
        "A change of any code of the plugin is noticed.",
        "reference/plugin.md#kept-features",
        repeat.code,
        once=True,
    ),
    Rule(
        "saved",
        "The saved model comes back as it was.",
        f"{HOOKS}/save_model.md#before-the-first-step",
        run.saved,
    ),
    Rule(
        "restored",
        "A finished run predicts what it predicted when it was trained.",
        f"{HOOKS}/build_head.md#provider",
        run.restored,
    ),
    Rule(
        "request",
        "The example of a request is answered.",
        "reference/plugin.md#what-a-request-looks-like",
        run.request,
    ),
    Rule(
        "company",
        "The plugin works beside those of the other kind, in both orders.",
        "explanation/design.md#what-a-technique-may-know",
        run.company,
        once=True,
    ),
    Rule(
        "network",
        "A run opens no connection.",
        "reference/contract-rules.md#network",
        safety.network,
    ),
    Rule(
        "pickle",
        "Nothing is read or written as a pickle.",
        "explanation/design.md#what-the-core-guarantees",
        safety.pickle,
    ),
)
