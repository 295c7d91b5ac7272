"""`python -m udib` is the command `udib`."""

from udib.app.start import main

if __name__ == "__main__":
    main()
