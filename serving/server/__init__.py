"""The inference server of greensage: SageMaker's container contract for tree models, scikit-learn and ONNX."""
