"""`python -m monai_rescunet.cli`."""

from monai_rescunet.cli import main

main()
