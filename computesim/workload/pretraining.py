"""FLOP of a pretraining run."""

from __future__ import annotations

from computesim.workload.architecture import Architecture
from computesim.workload.attention import attention_flop
from computesim.workload.parameters import parameter_count
from computesim.workload.transformer import train_flop_per_token


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
