"""One RL step: where its time goes, what a run of them takes."""
