"""What people see and hear of hits: pages, heat maps, the terminal, clips, speech."""
