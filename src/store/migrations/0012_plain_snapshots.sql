-- With a long queue a snapshot is long too, and it is written with every batch: compressing it was most of such a write.
-- Short ones stay in the row as before. What is stored is read as it is and goes with the next write.
alter table weft.snapshots alter column snapshot set storage external;
