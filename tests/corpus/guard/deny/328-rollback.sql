-- deny: two_phase
ROLLBACK PREPARED 'x';
