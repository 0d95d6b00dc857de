"""The page shells of the browser applications."""
