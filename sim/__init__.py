"""The simulated world: robots, objects, rooms, actions, cameras and recordings, on SAPIEN."""
