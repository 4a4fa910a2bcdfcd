"""The retraining loop's pure half: sketches, drift and KPI tests, the decision, the comparison.

It is shipped to Lambda functions and to jobs as it stands, so it imports numpy and the standard library only, and no
other room of greensage. Limits and thresholds come in as arguments; they stand in catalog/data/drift.json.
"""
