"""The names that the plan promises, each the one class of its job, in its room, with its methods."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "udib"

PROMISED = [
    ("core/result.py", "StepResult", {"ok", "fail", "skip", "unwrap", "success", "data"}),
    (
        "pipeline/orchestrator.py",
        "ContentPipeline",
        {
            "process_video", "_run_pipeline", "_download_stage", "_transcribe_stage", "_extract_metadata",
            "_debate_analysis", "_fact_check_analysis", "_fallacy_detection", "_aggregate_analysis", "_storage_stage",
            "_send_discord_notification",
        },
    ),
    (
        "memory/store.py",
        "EnhancedVectorStore",
        {
            "store_vectors", "batch_upsert", "search_similar", "compact_and_deduplicate", "_perform_search",
            "_generate_search_cache_key",
        },
    ),
    ("memory/service.py", "MemoryService", {"store_content"}),
    (
        "memory/qdrant_provider.py",
        "QdrantConnectionPool",
        {"get_client", "close_all", "_is_client_healthy", "_perform_health_check"},
    ),
    ("net/pool.py", "HTTPConnectionPool", {"get_session", "close"}),
    ("llm/cache.py", "LLMCache", {"get", "set", "invalidate_pattern", "get_metrics"}),
    ("llm/cache_metrics.py", "CacheMetrics", {"hit_rate", "to_dict"}),
    (
        "llm/router.py",
        "LLMRouter",
        {"select_model", "chat", "feedback", "_perform_model_selection", "_generate_routing_cache_key"},
    ),
    ("llm/prompts.py", "PromptEngine", {"generate", "build_with_context", "count_tokens"}),
    ("llm/openrouter.py", "OpenRouterService", {"models", "generation", "account"}),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name", "methods"), PROMISED, ids=[name for _, name, _ in PROMISED])
def test_a_promised_class_has_its_methods(module: str, name: str, methods: set[str]) -> None:
    tree = ast.parse((SOURCE / module).read_text(encoding="utf-8"))
    [found] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    has = {node.name for node in found.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert methods - has == set()


def test_the_package_exports_the_front_door() -> None:
    import udib

    assert {"open_app", "ContentPipeline", "StepResult"} <= set(udib.__all__)
    assert udib.ContentPipeline.__module__ == "udib.pipeline.orchestrator"


def test_the_memory_room_gives_out_what_the_plan_names() -> None:
    import udib.memory

    for name in ("EnhancedVectorStore", "MemoryService", "QdrantConnectionPool"):
        assert getattr(udib.memory, name).__module__.startswith("udib.memory.")
    assert not hasattr(udib.memory, "EnhancedMemoryManager")


def test_the_llm_room_gives_out_what_the_plan_names() -> None:
    import udib.llm

    for name in udib.llm.__all__:
        assert getattr(udib.llm, name).__module__.startswith("udib.llm.")


def test_resilient_get_is_one_function() -> None:
    found = [
        path
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "resilient_get"
    ]
    assert [path.parent.name for path in found] == ["net"]
