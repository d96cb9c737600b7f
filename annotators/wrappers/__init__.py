"""Annotators around another one: noise, bias, order, rations."""

from ...core.registry import Entry

TABLE = {
    "swap": Entry("swap:Swap", "Wraps `inner`: asks in both orders and averages", "arXiv:2305.17926"),
    "temperature": Entry("temperature:Temperature", "Wraps `inner`: divides its log-odds, sharper below 1 and flatter above"),
    "sample": Entry("temperature:Sample", "Wraps `inner`: a hard label drawn from its soft one"),
    "flip": Entry(
        "flip:Flip", "Wraps `inner`: inverts its label at `rate`; a label that noise decides costs nothing", "arXiv:2305.14387"
    ),
    "flip-by-length": Entry("flip:FlipByLength", "Wraps `inner`: verdicts for longer and shorter answers flip at different rates"),
    "flip-by-position": Entry(
        "flip:FlipByPosition", "Wraps `inner`: verdicts for first and second answers flip at different rates"
    ),
    "flip-by-closeness": Entry("flip:FlipByCloseness", "Wraps `inner`: flips close pairs most, by the world's true utilities"),
    "flip-by-annotator": Entry("flip:FlipByAnnotator", "Wraps `inner`: each member of a pool errs at its own rate, of `rates`"),
    "flip-by-prompt": Entry("flip:FlipByPrompt", "Wraps `inner`: flips that are correlated across the pairs of one prompt"),
    "lapse": Entry("flip:Lapse", "Wraps `inner`: at `rate` a fair coin answers, and no annotator is asked"),
    "drift": Entry("drift:Drift", "Wraps `inner`: its flip rate and its temperature move with time, which a `clock` gives"),
    "biased": Entry("biased:Biased", "Wraps `inner`: plants a position and a length bias, in log-odds", "arXiv:2306.05685"),
    "rationed": Entry("rationed:Rationed", "Wraps `inner`: a budget of its own; what does not fit abstains as over budget"),
}
