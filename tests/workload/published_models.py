"""Published architectures and counts, transcribed from configuration files and model cards."""

from computesim.workload.architecture import Architecture


def dense(name, layers, d, heads, kv, d_ff, vocab, head=0, **more):
    head = head or d // heads
    return Architecture(name, layers, d, heads, kv, head, head, d_ff, vocab, **more)


def deepseek(name, heads, experts, dense_layers, vocab, **more):
    """The DeepSeek-V3 shape, shared by Kimi-K2."""
    values = {
        "attention": "mla", "q_lora_rank": 1536, "kv_lora_rank": 512, "d_rope": 64,
        "n_experts": experts, "experts_per_token": 8, "n_shared_experts": 1, "d_expert": 2048,
        "n_dense_layers": dense_layers,
    }  # fmt: skip
    return Architecture(name, 61, 7168, heads, heads, 192, 128, 18432, vocab, **values | more)


LLAMA_8B = dense("llama-3-8b", 32, 4096, 32, 8, 14336, 128256)
LLAMA_70B = dense("llama-3-70b", 80, 8192, 64, 8, 28672, 128256)
LLAMA_405B = dense("llama-3.1-405b", 126, 16384, 128, 8, 53248, 128256)
DEEPSEEK_V3 = deepseek("deepseek-v3", 128, 256, 3, 129280, mtp_depth=1)
KIMI_K2 = deepseek("kimi-k2", 64, 384, 1, 163840)
QWEN3_235B = dense(
    "qwen3-235b-a22b", 94, 4096, 64, 4, 0, 151936, 128,
    n_experts=128, experts_per_token=8, d_expert=1536,
)  # fmt: skip
QWEN3_30B = dense(
    "qwen3-30b-a3b", 48, 2048, 32, 4, 0, 151936, 128,
    n_experts=128, experts_per_token=8, d_expert=768,
)  # fmt: skip
GPT_OSS_120B = dense(
    "gpt-oss-120b", 36, 2880, 64, 8, 0, 201088, 64,
    n_experts=128, experts_per_token=4, d_expert=2880, window=128, n_window_layers=18,
)  # fmt: skip
GPT_OSS_20B = dense(
    "gpt-oss-20b", 24, 2880, 64, 8, 0, 201088, 64,
    n_experts=32, experts_per_token=4, d_expert=2880, window=128, n_window_layers=12,
)  # fmt: skip
GPT_3 = dense(
    "gpt-3", 96, 12288, 96, 96, 49152, 50257,
    ffn_matrices=2, tied_embeddings=True, n_position_embeddings=2048, context_length=2048,
)  # fmt: skip
GPT_2_XL = dense(
    "gpt-2-xl", 48, 1600, 25, 25, 6400, 50257,
    ffn_matrices=2, tied_embeddings=True, n_position_embeddings=1024, context_length=1024,
)  # fmt: skip
BLOOM = dense(
    "bloom", 70, 14336, 112, 112, 57344, 250880, ffn_matrices=2, tied_embeddings=True
)  # fmt: skip
GOPHER = dense(
    "gopher", 80, 16384, 128, 128, 65536, 32000,
    ffn_matrices=2, tied_embeddings=True, extra_params_per_layer=16384**2,
)  # fmt: skip
LLAMA_1_65B = dense("llama-1-65b", 80, 8192, 64, 64, 22016, 32000)
LLAMA_2_70B = dense("llama-2-70b", 80, 8192, 64, 8, 28672, 32000)
FALCON_180B = dense(
    "falcon-180b", 80, 14848, 232, 8, 59392, 65024, ffn_matrices=2, tied_embeddings=True
)
NEMOTRON_4_340B = dense("nemotron-4-340b", 96, 18432, 96, 8, 73728, 256000, ffn_matrices=2)
MIXTRAL_8X7B = dense(
    "mixtral-8x7b", 32, 4096, 32, 8, 0, 32000, n_experts=8, experts_per_token=2, d_expert=14336
)
MIXTRAL_8X22B = dense(
    "mixtral-8x22b", 56, 6144, 48, 8, 0, 32000, n_experts=8, experts_per_token=2, d_expert=16384
)
QWEN3_32B = dense("qwen3-32b", 64, 5120, 64, 8, 25600, 151936, 128)
QWEN3_8B = dense("qwen3-8b", 36, 4096, 32, 8, 12288, 151936, 128)
QWEN3_CODER_480B = dense(
    "qwen3-coder-480b-a35b", 62, 6144, 96, 8, 0, 151936, 128,
    n_experts=160, experts_per_token=8, d_expert=2560,
)  # fmt: skip
DEEPSEEK_V2 = Architecture(
    "deepseek-v2", 60, 5120, 128, 128, 192, 128, 12288, 102400,
    attention="mla", q_lora_rank=1536, kv_lora_rank=512, d_rope=64, n_experts=160,
    experts_per_token=6, n_shared_experts=2, d_expert=1536, n_dense_layers=1,
)  # fmt: skip
DOTS_LLM1 = dense(
    "dots.llm1", 62, 4096, 32, 32, 10944, 152064, 128, n_experts=128, experts_per_token=6,
    n_shared_experts=2, d_expert=1408, n_dense_layers=1,
)  # fmt: skip
LLAMA_4_SCOUT = dense(
    "llama-4-scout", 48, 5120, 40, 8, 0, 202048, n_experts=16, experts_per_token=1,
    n_shared_experts=1, d_expert=8192,
)  # fmt: skip
LLAMA_4_MAVERICK = dense(
    "llama-4-maverick", 48, 5120, 40, 8, 16384, 202048, n_experts=128, experts_per_token=1,
    n_shared_experts=1, d_expert=8192, moe_interval=2,
)  # fmt: skip
_DELTA = {
    "attention_gate": True, "n_linear_key_heads": 16, "d_linear_key": 128, "d_linear_value": 128,
    "n_shared_experts": 1,
}  # fmt: skip
QWEN35_397B = dense(
    "qwen3.5-397b-a17b", 60, 4096, 32, 2, 0, 248320, 256, n_experts=512, experts_per_token=10,
    d_expert=1024, n_linear_layers=45, n_linear_heads=64, **_DELTA,
)  # fmt: skip
QWEN35_122B = dense(
    "qwen3.5-122b-a10b", 48, 3072, 32, 2, 0, 248320, 256, n_experts=256, experts_per_token=8,
    d_expert=1024, n_linear_layers=36, n_linear_heads=64, **_DELTA,
)  # fmt: skip
QWEN35_35B = dense(
    "qwen3.5-35b-a3b", 40, 2048, 16, 2, 0, 248320, 256, n_experts=256, experts_per_token=8,
    d_expert=512, n_linear_layers=30, n_linear_heads=32, **_DELTA,
)  # fmt: skip
QWEN35_27B = dense(
    "qwen3.5-27b", 64, 5120, 24, 4, 17408, 248320, 256, n_linear_layers=48, n_linear_heads=48,
    **_DELTA | {"n_shared_experts": 0},
)  # fmt: skip
_MAMBA = {"ffn_matrices": 2, "n_linear_key_heads": 8, "d_linear_value": 64}
NEMOTRON_3_NANO = dense(
    "nemotron-3-nano-30b-a3b", 52, 2688, 32, 2, 0, 131072, 128, n_experts=128,
    experts_per_token=6, n_shared_experts=1, d_expert=1856, d_shared_expert=3712,
    n_ffn_layers=23, n_attention_layers=6, n_linear_layers=23, n_linear_heads=64,
    d_linear_key=128, **_MAMBA,
)  # fmt: skip
NEMOTRON_3_SUPER = dense(
    "nemotron-3-super-120b-a12b", 88, 4096, 32, 2, 0, 131072, 128, n_experts=512,
    experts_per_token=22, n_shared_experts=1, d_expert=2688, d_expert_latent=1024,
    d_shared_expert=5376, n_ffn_layers=40, n_attention_layers=8, n_linear_layers=40,
    n_linear_heads=128, d_linear_key=128, **_MAMBA,
)  # fmt: skip
NEMOTRON_H_56B = dense(
    "nemotron-h-56b", 118, 8192, 64, 8, 32768, 131072, 128, n_ffn_layers=54,
    n_attention_layers=10, n_linear_layers=54, n_linear_heads=256, d_linear_key=256, **_MAMBA,
)  # fmt: skip
GLM_5 = Architecture(
    "glm-5", 78, 6144, 64, 64, 256, 256, 12288, 154880, attention="mla", q_lora_rank=2048,
    kv_lora_rank=512, d_rope=64, n_experts=256, experts_per_token=8, n_shared_experts=1,
    d_expert=2048, n_dense_layers=3, sparse_topk=2048, n_index_heads=32, d_index_head=128,
)  # fmt: skip
MINIMAX_M2 = dense(
    "minimax-m2", 62, 3072, 48, 8, 0, 200064, 128, n_experts=256, experts_per_token=8,
    d_expert=1536,
)  # fmt: skip
