-- deny: two_phase
COMMIT PREPARED 'x';
