-- Of a conversation's messages few are internal. With these counted, its numbers tell how many are not.
create index messages_internal on weft.messages (tenant, thread_id, message_seq) where visibility = 'internal';
