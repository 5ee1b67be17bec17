"""The arms of mitigation experiments: ways of training on the same data, one family a module.

An arm is a dataclass of options, found by name among the plug-ins of the groups
"recognition_arms" and "verification_arms".
"""
