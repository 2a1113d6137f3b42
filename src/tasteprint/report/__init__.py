"""What people look at: pages and pictures of what was measured and made."""
