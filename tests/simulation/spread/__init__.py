"""A whole deployment that is killed and cut, piece by piece: three database servers, a broker, and processes on two hosts.

``script/simulate --seed N``. Each host reaches databases and broker through doors of its own, so that its line can be cut.
What callers asked for and what they were answered is on the disk before they go on; in the end everything is asked again.
"""
