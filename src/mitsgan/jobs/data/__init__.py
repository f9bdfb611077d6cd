"""What attackers are trained on: cubes of scans, and public scans to make them of."""
