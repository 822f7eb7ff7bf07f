"""What all sessions of a pool share: options, protocol steps, commands, errors."""
