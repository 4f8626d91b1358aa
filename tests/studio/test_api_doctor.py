"""The API of models, runs and planted faults, asked of the real server."""

from __future__ import annotations

from typing import Any

from partimento.core.runs import RunFolder


def test_a_run_is_told_row_by_row(studio: Any) -> None:
    run = RunFolder.create(studio.runs / "api" / "one", {"task": "piano"}, "train")
    with studio.client() as client:
        assert "api/one" in [row["name"] for row in client.get("/api/runs").json()["runs"]]
        run.log({"kind": "train", "step": 1, "loss": float("inf")})
        run.log({"kind": "train", "step": 2, "loss": 1.5})
        facts = client.get("/api/runs/api/one").json()
        assert [row["loss"] for row in facts["rows"]] == ["Infinity", 1.5]
        later = client.get("/api/runs/api/one", params={"since": 1}).json()
        assert [row["step"] for row in later["rows"]] == [2] and later["count"] == 2
        assert client.get("/api/runs/api/one", params={"since": -1}).status_code == 422
        for name in ("api", "api/two", "%2e%2e/home", "api/one/checkpoints"):
            answer = client.get(f"/api/runs/{name}")
            assert answer.status_code == 400 and "no such run" in answer.json()["text"], name


def test_a_damaged_run_is_told_and_not_a_fault_of_the_server(studio: Any) -> None:
    run = RunFolder.create(studio.runs / "damaged", {"task": "piano"}, "train")
    run.metrics_path.write_text('not json\n{"kind": "train", "step": 1}\n')
    with studio.client() as client:
        answer = client.get("/api/runs/damaged")
        assert answer.status_code == 400 and "line 1" in answer.json()["text"]
        assert client.get("/api/runs").status_code == 200


def test_planted_faults_are_listed_without_loading_them_here(studio: Any) -> None:
    with studio.client() as client:
        first = client.get("/api/faults").json()["faults"]
        assert client.get("/api/faults").json()["faults"] == first
    assert len(first) > 90 and {"name", "task", "short", "what", "settings"} <= set(first[0])


def test_rows_of_a_job_that_has_none_are_empty(studio: Any) -> None:
    with studio.client() as client:
        placed = client.post("/api/jobs/examine", json={"run": "nowhere"}).json()["number"]
        assert studio.ended(placed)["state"] == "failed"
        found = client.get(f"/api/jobs/{placed}/rows")
        assert found.status_code == 200 and found.json() == {"count": 0, "rows": []}
        for number in (0, -1, 10**6, 2**63):
            assert client.get(f"/api/jobs/{number}/rows").status_code == 404, number
