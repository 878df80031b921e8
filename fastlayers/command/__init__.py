"""The parts of the command ``fastlayers``: options, training and its report, benchmark cases and their table."""
