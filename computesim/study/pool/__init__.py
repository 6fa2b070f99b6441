"""One pool of replicas that serves one model: the question, the requests, the run, the answer."""
