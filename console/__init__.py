"""kfconsole: everything below the screens.

Reads and changes a Kubeflow cluster over HTTP; draws nothing.
"""

__version__ = "0.1.0"
