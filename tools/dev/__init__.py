"""Set-up, the real server and browser, and what writes workflows and images of the documentation."""
