"""`python -m fastgate`."""

from fastgate.cli import main

if __name__ == "__main__":
    main()
