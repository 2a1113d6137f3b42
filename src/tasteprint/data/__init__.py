"""The room of votes: logs to votes, votes to histories, histories to conversations and batches."""
