"""The serving API: answers, the log of what was answered, and the labels people give."""
