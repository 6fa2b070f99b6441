"""FLOP of a pretraining run, and how large a model its budget should train.

Rival formulas are named by their paper and chosen with `method`.
"""

from __future__ import annotations

from dataclasses import dataclass

from computesim.errors import near_miss
from computesim.workload.architecture import Architecture
from computesim.workload.attention import attention_flop
from computesim.workload.parameters import parameter_count
from computesim.workload.transformer import train_flop_per_token

_PETAFLOP_DAY = 1e15 * 86400.0  # FLOP


@dataclass(frozen=True, slots=True)
class ParametricLoss:
    """``E + A / N^alpha + B / D^beta``, nats per token."""

    irreducible: float  #: E
    params_scale: float  #: A
    params_power: float  #: alpha
    tokens_scale: float  #: B
    tokens_power: float  #: beta


#: Hoffmann 2022, approach 3. The paper prints 1.69, 406.4, 0.34, 410.7, 0.28; these are the
#: unrounded constants of its source file as given by Besiroglu 2024, without which its own
#: optimum of 40 B parameters at Gopher's budget comes out 20 % smaller.
HOFFMANN_2022 = ParametricLoss(1.6934, 406.4, 0.3392, 410.7, 0.2849)
#: Besiroglu 2024: approach 3 fitted again to the points of the paper's figure.
BESIROGLU_2024 = ParametricLoss(1.8172, 482.01, 0.3478, 2085.43, 0.3658)
_PARAMETRIC = {"hoffmann2022": HOFFMANN_2022, "besiroglu2024": BESIROGLU_2024}
_METHODS = ("hoffmann2022", "besiroglu2024", "ratio", "kaplan2020")


@dataclass(frozen=True, slots=True)
class ComputeOptimal:
    """The model that a budget trains best."""

    n_params: float
    tokens: float
    loss: float  #: predicted, nats per token


def flop_6nd(n_params: float, tokens: float) -> float:
    """Return the FLOP of training by the six-N-D rule.

    Parameters
    ----------
    n_params : float
        Parameters that one token visits.
    tokens : float, token

    Returns
    -------
    float, FLOP
        ``6 N D``: attention scores and the sparsity of experts are left out.
    """
    return 6.0 * n_params * tokens


def run_flop(
    arch: Architecture, tokens: float, seq_len: float, recompute: str = "none", mtp: bool = True
) -> float:
    """Return the FLOP of a pretraining run.

    Parameters
    ----------
    arch : Architecture
    tokens : float, token
        Tokens trained on.
    seq_len : float, token
        Length of a training sequence.
    recompute : str
        Activations computed twice: none, selective (attention) or full (every layer). With none
        the result is model FLOP (the numerator of MFU), else hardware FLOP (of HFU).
    mtp : bool
        Train the prediction layers too.

    Returns
    -------
    float, FLOP
    """
    return tokens * hardware_flop_per_token(arch, seq_len, recompute, mtp=mtp)


def hardware_flop_per_token(
    arch: Architecture,
    seq_len: float,
    recompute: str = "none",
    causal: bool = True,
    mtp: bool = True,
) -> float:
    """Return the FLOP of one trained token with what is computed again.

    Parameters
    ----------
    arch : Architecture
    seq_len : float, token
    recompute : str
        none, selective (attention scores) or full (every layer, not the LM head).
    causal : bool
        Count causal pairs; False counts all pairs, as Narayanan 2021 does.
    mtp : bool
        Train the prediction layers too (they are not recomputed here).

    Returns
    -------
    float, FLOP/token

    Notes
    -----
    With `full` and no causality this is Narayanan 2021, equation 3:
    ``96 l h² (1 + s / 6h + V / 16 l h)`` for a GPT.
    """
    model = train_flop_per_token(arch, seq_len, causal, mtp)
    if recompute == "none":
        return model
    if recompute not in ("selective", "full"):
        raise ValueError(f"recompute is '{recompute}'; accepted: none, selective, full")
    if causal:
        again = attention_flop(arch, seq_len) / seq_len
    else:
        again = attention_flop(arch, seq_len, seq_len - 1)
    if recompute == "full":
        again += 2.0 * (parameter_count(arch).matmul - arch.d_model * arch.vocab_size)
    return model + again


def tokens_for_flop(
    arch: Architecture, flop: float, seq_len: float, recompute: str = "none", mtp: bool = True
) -> float:
    """Return the tokens that a budget trains: the inverse of `run_flop`.

    Parameters
    ----------
    arch : Architecture
    flop : float, FLOP
    seq_len : float, token
    recompute : str
        As in `run_flop`.
    mtp : bool
        As in `run_flop`.

    Returns
    -------
    float, token
    """
    return flop / hardware_flop_per_token(arch, seq_len, recompute, mtp=mtp)


def compute_optimal(flop: float, method: str = "hoffmann2022") -> ComputeOptimal:
    """Return the model size and tokens that a budget trains best.

    Parameters
    ----------
    flop : float, FLOP
        Budget, counted as ``6 N D``.
    method : str
        hoffmann2022 (approach 3), besiroglu2024 (the same, fitted again), ratio (20 tokens per
        parameter, Hoffmann's approaches 1 and 2 in short) or kaplan2020.

    Returns
    -------
    ComputeOptimal

    Notes
    -----
    The fits saw 1e18 to 3e21 FLOP. Kaplan counts parameters without embeddings.
    """
    if flop <= 0:
        raise ValueError(f"a budget of {flop:g} FLOP trains nothing")
    if method in _PARAMETRIC:
        return _optimal_parametric(flop, _PARAMETRIC[method])
    if method == "ratio":
        n_params = (flop / (6.0 * 20.0)) ** 0.5
        return ComputeOptimal(n_params, 20.0 * n_params, loss_hoffmann2022(n_params, 20 * n_params))
    if method == "kaplan2020":
        return compute_optimal_kaplan2020(flop)
    raise ValueError(f"unknown method '{method}' {near_miss(method, _METHODS)}".strip())


def _optimal_parametric(flop: float, law: ParametricLoss) -> ComputeOptimal:
    """Return the closed-form optimum of a parametric loss under C = 6 N D."""
    both = law.params_power + law.tokens_power
    ratio = law.params_power * law.params_scale / (law.tokens_power * law.tokens_scale)
    n_params = ratio ** (1.0 / both) * (flop / 6.0) ** (law.tokens_power / both)
    tokens = flop / (6.0 * n_params)
    return ComputeOptimal(n_params, tokens, parametric_loss(n_params, tokens, law))


def parametric_loss(n_params: float, tokens: float, law: ParametricLoss) -> float:
    """Return the loss of a parametric law.

    Parameters
    ----------
    n_params : float
    tokens : float, token
    law : ParametricLoss

    Returns
    -------
    float, nats/token
    """
    of_size = law.params_scale / n_params**law.params_power
    return float(law.irreducible + of_size + law.tokens_scale / tokens**law.tokens_power)


def loss_hoffmann2022(n_params: float, tokens: float) -> float:
    """Return the loss of Hoffmann 2022, approach 3.

    Parameters
    ----------
    n_params : float
        All parameters.
    tokens : float, token

    Returns
    -------
    float, nats/token
        On MassiveText.
    """
    return parametric_loss(n_params, tokens, HOFFMANN_2022)


def compute_optimal_kaplan2020(flop: float) -> ComputeOptimal:
    """Return the compute-efficient model of Kaplan 2020.

    Parameters
    ----------
    flop : float, FLOP

    Returns
    -------
    ComputeOptimal
        ``N = 1.3e9 C^0.73`` without embeddings, ``L = (3.1e8 / C)^0.050`` with C in
        petaFLOP/s-days (Kaplan 2020, section 6.1); tokens are what the budget leaves, C / 6N.
    """
    budget = flop / _PETAFLOP_DAY
    n_params = 1.3e9 * budget**0.73
    return ComputeOptimal(n_params, flop / (6.0 * n_params), (3.1e8 / budget) ** 0.050)


def loss_kaplan2020(n_params: float, tokens: float) -> float:
    """Return the loss of Kaplan 2020, equation 1.5.

    Parameters
    ----------
    n_params : float
        Parameters without embeddings.
    tokens : float, token
        Size of the data set.

    Returns
    -------
    float, nats/token
        ``((6.4e13 / N)^(0.076 / 0.103) + 1.8e13 / D)^0.103`` on WebText2 (its table 2).
    """
    power_n, power_d = 0.076, 0.103
    return float(((6.4e13 / n_params) ** (power_n / power_d) + 1.8e13 / tokens) ** power_d)
