from .all import *
