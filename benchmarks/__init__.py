"""How fast skem is, beside its peers and beside the machine; see README.md in this folder."""
