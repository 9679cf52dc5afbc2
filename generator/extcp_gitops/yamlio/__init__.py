"""YAML at the two ends: a person's files come in with suspicion, generated ones go out proven.

PyYAML parses; what a document may hold, how a scalar is read and how objects are written is
decided here, because PyYAML's own loader and dumper follow YAML 1.1 while Kubernetes' readers
follow a mixture of 1.1 and 1.2.
"""
