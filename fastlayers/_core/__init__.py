"""What everything above needs: arguments, results, memory, the backend; NumPy is all that it imports."""
