-- allow
update books set sold=true, price=price*2 where price<$1
