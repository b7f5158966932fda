-- allow
ALTER INDEX "by_title" RENAME TO "by_title_price"
