-- deny: setting
SELECT set_config(U&'trace!005Fsort' UESCAPE '!', 'on', false);
