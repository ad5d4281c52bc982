"""What is drawn of fields, side by side in shared colours, whatever draws it; figures and films by Matplotlib."""
