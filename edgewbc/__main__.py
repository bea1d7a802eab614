"""`python -m edgewbc`."""

from edgewbc.cli.main import main

if __name__ == "__main__":
    main()
