"""What a reader sees: texts in Japanese and English, and the pages made from them. No socket, no clock."""
