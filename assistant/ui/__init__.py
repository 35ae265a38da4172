"""The browser pages (Gradio): widgets -> service -> render."""
