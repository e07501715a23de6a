-- Where the store stands, and how many of the five guards of a closed store fire whatever a session is set to.
SELECT standing, (SELECT count(*) FROM pg_trigger
                  WHERE tgrelid IN ('countersign.run_states'::regclass, 'countersign.scopes'::regclass,
                                    'countersign.authority_log'::regclass)
                    AND tgname LIKE 'closed\_%' AND tgenabled = 'A')
FROM countersign.home
