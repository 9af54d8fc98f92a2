"""regain keeps a multimodal product classifier as accurate in production as the day it shipped."""
