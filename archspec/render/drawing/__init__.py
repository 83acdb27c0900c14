"""Pictures of networks: layouts of their own, written as SVG, or through graphviz as PNG and PDF."""
