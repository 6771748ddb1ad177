"""One cluster over HTTP: credentials, requests, discovery, access, streams."""
