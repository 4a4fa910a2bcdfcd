"""The functions of the retraining loop: monitor, decide, data steps, deployment steps. Their logic is in greensage.drift."""
