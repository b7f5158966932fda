-- deny: two_phase
PREPARE TRANSACTION 'x';
