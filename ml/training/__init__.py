"""From labels to an admitted bundle: snapshot, split, training, evaluation and the gate."""
